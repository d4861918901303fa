"""A page with nothing but the bench of tensors and gradients."""

from pages.parts.foundations import tensors_tab

tensors_tab.panel()
