"""How far a click on plus or minus goes, for every number that a form asks for."""

import pytest
from annotated_types import Ge, Le

from core.registry import FAMILIES

NUMBERS = [
    (family.name, variant.name, name)
    for family in FAMILIES.values()
    for variant in family.variants.values()
    if variant.learns  # no form asks for the settings of the others
    for name, field in family.config_class.model_fields.items()
    if field.annotation in (int, float) and name not in variant.fixed
]


@pytest.mark.parametrize(("family", "variant", "name"), NUMBERS)
def test_a_click_from_the_default_stays_in_bounds_and_goes_a_sensible_way(family, variant, name):
    config = FAMILIES[family].config_class
    default = FAMILIES[family].config(variant).model_dump()[name]
    field, step = config.model_fields[name], config.step(name, default)
    low = next(m.ge for m in field.metadata if isinstance(m, Ge))
    high = next(m.le for m in field.metadata if isinstance(m, Le))
    assert step > 0
    assert default == low or low <= default - step, "minus is dead"
    assert default == high or default + step <= high, "plus is dead"
    if field.annotation is int:
        assert step == int(step)
    else:
        assert isinstance(field.json_schema_extra, dict), "a fraction says how far a click goes"
    stops = high / step
    if low == 0 and stops <= 20:  # a slider, which cannot stand between its stops
        assert default / step == pytest.approx(round(default / step))
        assert stops == pytest.approx(round(stops))
    elif default:
        assert step == 1 or step <= abs(default) / 2 + 1e-12, "a click is no leap"
        assert abs(default) <= 1000 * step or name == "epochs", "nor a thousandth of what is meant"
