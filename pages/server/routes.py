"""What browsers fetch from us beside the pages, by its addresses."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pages.server import (
    arrays,
    camera_answers,
    packed_networks,
    previews,
    run_files,
    scripts,
    thumbnails,
)
from pages.server.replies import missing_reply


async def nothing(_request: Request) -> Response:
    """Any other address of ours."""
    return missing_reply("There is nothing at this address.")


ROUTES = [
    Route("/api/plotly/{version}.js", scripts.plotly),
    Route("/api/scripts/{version}/{path:path}", scripts.script),
    Route("/api/arrays/{name}", arrays.array),
    Route("/api/thumbnails/{dataset}/{split}/{part}", thumbnails.thumbnails),
    Route("/api/decoders/{run_id}/{version}", packed_networks.decoder),
    Route("/api/networks/{run_id}/{version}", packed_networks.network),
    Route("/api/denoisers/{run_id}/{version}", packed_networks.denoiser),
    Route("/api/translators/{run_id}/{version}", packed_networks.translator),
    Route("/api/run-files/{run_id}/{version}/{name}", run_files.run_file),
    Route("/api/frames/{run_id}/{version}", run_files.frames),
    Route("/api/dreams/{run_id}/{changed}/{name}", run_files.dreamt),
    Route("/api/sheets/{run_id}/{version}/{epoch}", run_files.sheet),
    Route("/api/looks/{name}/{value}", previews.answer),
    Route("/api/camera/{name}", camera_answers.answer, methods=["POST"]),
    Route("/api/{rest:path}", nothing),  # else Streamlit would answer with its page
]
