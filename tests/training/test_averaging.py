import keras
import numpy as np
import pytest

from pneumo.training._averaging import AveragingAdam, JudgeAverages, means_of


def averages(momentum, steps):
    """A weight's values after each step, and the moving average after the last one."""
    weight = keras.Variable([0.0])
    adam = AveragingAdam(0.1, use_ema=True, ema_momentum=momentum)
    adam.build([weight])
    values = []
    for _ in range(steps):
        adam.apply([np.array([-1.0], np.float32)])
        values.append(float(np.asarray(weight)[0]))
    return values, float(np.asarray(adam._model_variables_moving_average[0])[0])


@pytest.mark.parametrize(("momentum", "steps"), [(0.995, 40), (0.5, 40), (0.995, 1)])
def test_the_average_remembers_a_share_of_the_steps_at_most(momentum, steps):
    values, average = averages(momentum, steps)
    expected = 0.0
    for step, value in enumerate(values):
        memory = min(momentum, step / (step + 3))
        expected = memory * expected + (1 - memory) * value
    assert average == pytest.approx(expected, rel=1e-5)


def test_a_short_training_is_averaged_over_its_end():
    values, average = averages(0.995, 100)
    assert values[60] < average < values[90]


def test_a_validation_judges_the_averages_and_then_the_weights_come_back(tiny):
    weights = [np.asarray(v) + 0 for v in tiny.trainable_variables]
    means = [np.asarray(m) + 0 for m in means_of(tiny).values()]
    assert any((weight != mean).any() for weight, mean in zip(weights, means, strict=True))
    judge = JudgeAverages()
    judge.set_model(tiny)

    judge.on_test_begin()
    assert same(tiny.trainable_variables, means)
    assert same(means_of(tiny).values(), weights)
    judge.on_test_end()
    assert same(tiny.trainable_variables, weights)
    assert same(means_of(tiny).values(), means)
    tiny.train_on_batch(np.ones((4, 3)), np.ones((4, 1)))  # none shares another's memory


@pytest.fixture
def tiny():
    """A small model after three steps of training."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile(AveragingAdam(0.1, use_ema=True, ema_momentum=0.9), "mse")
    for _ in range(3):
        model.train_on_batch(np.ones((4, 3)), np.ones((4, 1)))
    return model


def same(variables, values):
    return all(
        (np.asarray(variable) == value).all()
        for variable, value in zip(variables, values, strict=True)
    )
