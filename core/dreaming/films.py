"""Films of dreams: written as MP4, read again, and turned into GIFs."""

import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import RunBroken
from core.images import to_gif

QUALITY = {"crf": "20"}


def to_mp4(film: Tensor, fps: int) -> bytes:
    """Encode frames, uint8 (F, 3, H, W), as an H.264 film that browsers play."""
    import av  # here: it takes a while, and few need it

    height, width = (side - side % 2 for side in film.shape[2:])  # H.264 needs even sides
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options=QUALITY)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for pixels in film[:, :, :height, :width]:
            picture = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def frames(path: Path) -> Tensor:
    """Decode the frames of a film, uint8 (F, 3, H, W). Raises RunBroken."""
    import av

    try:
        with av.open(str(path)) as film:
            images = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    except (OSError, ValueError) as error:  # PyAV's errors are among these
        raise RunBroken("The film cannot be read: dream anew.") from error
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def gif(path: Path, fps: int) -> bytes:
    """Convert a film to a GIF that loops. Raises RunBroken."""
    return to_gif(frames(path), round(1000 / fps), scale=1)
