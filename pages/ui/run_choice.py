"""The finished runs of a family, from which a page lets its visitor choose."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from core import data
from core.runs.store import Run
from core.tasks import AnyFamily
from pages.server.visitor import who
from pages.ui import cached, links
from pages.ui.names import run_names, without_set


def set_of(run: Run) -> data.DatasetInfo | None:
    """The data set of a run, where it is here and this visitor may see its pictures."""
    name = run.spec().dataset
    return data.known(name) if data.visible(name, who()) else None


@dataclass(frozen=True)
class RunChoice:
    """Finished runs by id, the best first, with their names."""

    family: AnyFamily
    key: str
    """Of the choice in the session, and its name in the address."""
    noun: str
    runs: dict[str, Run]
    names: dict[str, str]

    @classmethod
    def of(cls, family: AnyFamily, key: str = "model", noun: str = "model") -> "RunChoice":
        """Every finished run of a family that this visitor may see."""
        runs = cached.models(family.name)
        return cls(family, key, noun, {run.id: run for run in runs}, run_names(runs))

    def among(self, runs: list[Run], key: str) -> "RunChoice":
        """A choice among some of the runs, under a key of its own."""
        return replace(self, key=key, runs={run.id: run for run in runs})

    def box(self, label: str, default: str | None = None, **layout: Any) -> Run:
        """Choose a run; say so where the link's run is private, gone or unfinished."""
        return self.runs[self.box_with({}, label, default, **layout)]

    def box_with(
        self, others: Mapping[str, str], label: str, default: str | None = None, **layout: Any
    ) -> str:
        """The same where there are other choices behind the runs: their titles by id."""
        names = {**self.names, **others}
        choices = replace(self._choices(default), options=[*self.runs, *others])
        return links.box(label, choices, key=self.key, format_func=names.__getitem__, **layout)

    def follow_link(self) -> None:
        """Choose what the address names, where that is needed before the box is drawn."""
        links.follow(self.key, self._choices())

    def use(self, run_id: str) -> None:
        """Choose a run that was just made."""
        cached.forget_models()
        self.runs.update({run.id: run for run in cached.models(self.family.name)})
        st.session_state[self.key] = run_id

    def _choices(self, default: str | None = None) -> links.Choices:
        default = default or next(iter(self.runs))
        shipped = {i: self.names[i] for i, run in self.runs.items() if run.shipped}
        titles = {title: i for i, name in shipped.items() for title in (name, f"{name} · {i[-8:]}")}
        missing = links.NO_RUN.format(noun=self.noun, instead="Another is shown.")
        shared = default not in self.runs or self.runs[default].shipped
        return links.Choices(list(self.runs), default, shared, titles, missing)

    def on(self, dataset: str) -> list[Run]:
        """The runs of a data set."""
        return [run for run in self.runs.values() if run.spec().dataset == dataset]

    def short_name(self, run: Run) -> str:
        """The name of a run without its data set, for tables and charts of one data set."""
        return without_set(self.names[run.id], run)
