"""Projecting: the family of maps."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

from torch import Tensor

from core.projection.methods import (
    ProjectionConfig,
    pca,
    place_between,
    place_linear,
    place_tsne,
    tsne,
    umap,
)
from core.tasks.family import Family, FamilyConfig, Variant

OF_TSNE = frozenset({"perplexity", "exaggeration", "iterations", "start"})
OF_UMAP = frozenset({"neighbours", "least_distance"})


class Projecting(Family):
    """Maps of codes."""

    name = "projecting"
    kind: ClassVar[str] = "project"
    title: ClassVar[str] = "Projecting"
    headline = "trustworthiness"
    config_class: ClassVar[type[FamilyConfig]] = ProjectionConfig
    variants: ClassVar[Mapping[str, Variant]] = {
        v.name: v
        for v in (
            Variant(
                "tsne",
                "t-SNE",
                "Keeps neighbours together; sizes and distances of its clusters mean little.",
                tsne,
                options={"place": place_tsne},
                learns=False,
                quick=True,
                fixed=OF_UMAP,
                source="van der Maaten and Hinton 2008; openTSNE, Poličar et al. 2024",
                text="t-SNE of the codes of test images.",
                differs="openTSNE instead of scikit-learn: as good a map in a third of the time, "
                "on which new images can be placed. Seeded, begun with the PCA.",
            ),
            Variant(
                "pca",
                "PCA",
                "The flat view that keeps most of the spread; distances keep their meaning.",
                pca,
                options={"place": place_linear},
                learns=False,
                quick=True,
                fixed=OF_TSNE | OF_UMAP | {"metric"},
                source="Pearson 1901",
                text="Told in words.",
                differs="Ours.",
            ),
            Variant(
                "umap",
                "UMAP",
                "A graph of neighbours laid out; needs the extra package umap-learn.",
                umap,
                options={"place": place_between},
                learns=False,
                quick=True,
                fixed=OF_TSNE,
                source="McInnes, Healy and Melville 2018",
                differs="Ours.",
            ),
        )
    }

    def config(self, variant: str, values: Mapping[str, Any] | None = None) -> ProjectionConfig:
        return cast(ProjectionConfig, super().config(variant, values))

    def place(self, variant: str) -> Callable[..., Tensor]:
        """How further codes are put on a finished map: (tensors, codes, new, config) to (M, D)."""
        return cast(Callable[..., Tensor], self.variant(variant).options["place"])


PROJECTING = Projecting()
