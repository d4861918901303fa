"""Waiting for a page's script that says how often it has run, as `Run 3.`."""

RUNS = r"() => Number(/^Run (\d+)\.$/m.exec(document.body.innerText)?.[1] ?? 0)"


def ran_again(page, act):
    """Do something, and wait until the script has run once more."""
    before = page.evaluate(RUNS)
    act()
    page.wait_for_function(f"before => ({RUNS})() > before", arg=before)
