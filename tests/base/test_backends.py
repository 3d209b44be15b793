import pytest

from pneumo.base import backends


@pytest.mark.parametrize(
    ("named", "there", "chosen"),
    [
        (None, ["tensorflow", "jax"], "tensorflow"),
        (None, ["jax"], "jax"),
        (None, [], "tensorflow"),  # whose absence Keras then names
        ("", ["jax"], "jax"),
        ("jax", ["tensorflow", "jax"], "jax"),
        ("torch", ["tensorflow"], "torch"),  # not ours to refuse
    ],
)
def test_the_backend_is_what_is_named_or_else_what_is_installed(monkeypatch, named, there, chosen):
    monkeypatch.setattr(backends, "find_spec", lambda name: name in there or None)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if named is not None:
        monkeypatch.setenv("KERAS_BACKEND", named)
    assert backends.installed() == there
    assert backends.keras_backend() == chosen
