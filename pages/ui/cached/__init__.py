"""The only `st.cache_*` of the lab: models, data and lists, shared by all sessions and bounded.

Nothing that is returned here is ever changed, trained or put into another mode.
"""

from pages.ui.cached.autoencoders import autoencoder, browser_refusal, codes, digits, mixture
from pages.ui.cached.classifiers import (
    Taught,
    Tested,
    classifier,
    copies,
    folded,
    prospect,
    repeated,
    sweep,
    taught,
    tested,
    with_few,
)
from pages.ui.cached.denoising import Stage, stage
from pages.ui.cached.generators import (
    directions,
    extractor,
    generator,
    healths,
    inversion,
    known_images,
    real_images,
)
from pages.ui.cached.maps import (
    CLUSTERINGS,
    encoders,
    latent_map,
    map_clusters,
    map_codes,
    map_error,
    map_labels,
    map_table,
    stability,
)
from pages.ui.cached.networks import cover, forget_models, model, model_at, models, test_pictures

__all__ = [
    "CLUSTERINGS",
    "Stage",
    "Taught",
    "Tested",
    "autoencoder",
    "browser_refusal",
    "classifier",
    "codes",
    "copies",
    "cover",
    "digits",
    "directions",
    "encoders",
    "extractor",
    "folded",
    "forget_models",
    "generator",
    "healths",
    "inversion",
    "known_images",
    "latent_map",
    "map_clusters",
    "map_codes",
    "map_error",
    "map_labels",
    "map_table",
    "mixture",
    "model",
    "model_at",
    "models",
    "prospect",
    "real_images",
    "repeated",
    "stability",
    "stage",
    "sweep",
    "taught",
    "test_pictures",
    "tested",
    "with_few",
]
