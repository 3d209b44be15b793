from pneumo.nets.checkpoints import best_row


def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss():
    history = [{"epoch": n, "val_loss": loss} for n, loss in enumerate((0.5, 0.3, 0.3), start=1)]
    assert best_row(history)["epoch"] == 2
