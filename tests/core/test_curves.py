"""What is said of a GAN's curves follows from their numbers."""

import pandas as pd
import pytest
import torch

from core.inference.curves import collapses, healths, opinion, reading
from core.tasks.adversarial import BCE

GOOD = {
    "fid": 50.0, "precision": 0.8, "recall": 0.7, "density": 0.9, "coverage": 0.8,
    "duplicates": 0.01, "spread": 1.0, "n": 2000, "n_data": 2000, "classes": 10, "entropy": 2.29,
    **{f"class_{i:02d}": 200 for i in range(10)},
}  # fmt: skip
LOST = GOOD | {"duplicates": 0.99, "spread": 0.1, "recall": 0.0, "coverage": 0.01, "fid": 900.0}


def history(*rows: dict[str, float], **last: float) -> pd.DataFrame:
    table = [{"epoch": i + 1, "real_score": 0.6, "fake_score": 0.4, **row} for i, row in
             enumerate(rows)]  # fmt: skip
    table[-1] |= last
    return pd.DataFrame(table)


@pytest.mark.parametrize(
    ("real", "fake", "said"),
    [
        (0.98, 0.02, "almost always. The generator can learn all the same"),
        (0.52, 0.48, "hardly tell"),
        (0.7, 0.3, "in part"),
        (0.2, 0.7, "more readily than real ones"),
    ],
)
def test_probabilities_say_who_is_ahead(real, fake, said):
    text = reading("gan", history(GOOD, real_score=real, fake_score=fake))
    assert said in text and f"{real:.0%}" in text and f"{fake:.0%}" in text
    assert "leaves little" not in text


def test_the_generator_s_loss_is_steepest_where_the_critic_is_sure():
    scores = torch.tensor([-6.0, 0.0, 6.0], requires_grad=True)  # of drawn images
    BCE.generator(scores).backward()
    slopes = (-3 * scores.grad).tolist()
    assert slopes == pytest.approx([0.9975, 0.5, 0.0025], abs=1e-3)


def test_a_critic_s_score_is_called_an_opinion():
    table = history(GOOD, GOOD, real_score=0.65, fake_score=0.35)
    text = opinion("dcgan", table, averaged=False)
    assert "half-and-half mix" in text and "no probability" in text and "never met" not in text
    assert text.endswith("real images got 65% and drawn ones 35% on average.")
    score = opinion("wgan_gp", table, averaged=True)
    assert "0.65" in score and "never met this generator" in score and "half" not in score
    assert opinion("gan", pd.DataFrame({"epoch": []}), averaged=False).endswith("is real.")


def test_a_wasserstein_critic_measures_a_distance():
    table = history(GOOD | {"real_score": 9.0, "fake_score": 1.0}, GOOD, real_score=3, fake_score=1)
    assert "fell from 8.00 to 2.00" in reading("wgan_gp", table)


def test_least_squares_scores_are_held_against_one_and_zero():
    assert "0.60 and drawn ones 0.40" in reading("lsgan", history(GOOD))


def test_pictures_are_told_apart_from_losses():
    table = history(GOOD | {"fid": 800.0}, GOOD | {"fid": 40.0}, GOOD | {"fid": 60.0})
    text = reading("dcgan", table)
    assert "from 800 to 60" in text and "best 40 after epoch 2" in text
    assert "collapsed" not in text


def test_a_collapse_on_the_way_is_said():
    table = history(LOST, GOOD, LOST)
    assert collapses(table) == [1, 3]
    assert "collapsed after epoch 1, 3" in reading("dcgan", table)


def test_a_history_without_figures_is_no_fault():
    bare = pd.DataFrame({"epoch": [1, 2], "real_score": [0.5, 0.5], "fake_score": [0.5, 0.5]})
    assert healths(bare) == {} and "hardly tell" in reading("gan", bare)
    assert reading("gan", pd.DataFrame({"epoch": []})) == "Nothing has been learnt yet."
