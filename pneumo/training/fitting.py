"""From settings to a trained network: optimizer, precision, epochs, and what is kept."""

from typing import TYPE_CHECKING

import keras

from pneumo.base.errors import PneumoError
from pneumo.nets.build import Built, build_parts, flip_averaged
from pneumo.training._averaging import JudgeAverages, adam_of
from pneumo.training._encoder import EncoderAdam, LetGo
from pneumo.training._losses import segmentation_loss
from pneumo.training._normalisation import keep_statistics, limit_memory, reestimate_batch_norm
from pneumo.training._trainer import Trainer
from pneumo.training.batches import Batches, fed
from pneumo.training.checkpoints import Checkpoints, KeepGoing
from pneumo.training.precision import policy
from pneumo.training.spread import handed_over, synchronise
from pneumo.training.watch import Watch

if TYPE_CHECKING:
    from pneumo.base.settings import TrainSettings


def make_repeatable(seed: int) -> None:
    """Seed Python, NumPy and Keras, forget layer names, and ask TensorFlow for fixed orders."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def built(model: str, size_px: int, train: "TrainSettings", dtype: str) -> Built:
    """The network as the settings want it, with its first weights."""
    keras.config.set_dtype_policy(dtype)
    try:
        return build_parts(
            model,
            size_px,
            encoder=train.encoder,
            encoder_weights=train.encoder_weights,
            batch_norm_momentum=train.batch_norm_momentum,
            image_head=train.image_head,
        )
    finally:
        keras.config.set_dtype_policy("float32")


def make_trainer(
    model: str, size_px: int, train: "TrainSettings", *, steps: int, augmented: bool
) -> Trainer:
    """The network with optimizer and losses; ``steps`` are those of an epoch.

    An encoder that is frozen for all epochs is no part of what is trained, so a step costs less.
    One that is frozen at first keeps the normalisation of its weights when it is let go.
    """
    if train.devices > 1:
        _check_devices(train)
    network, encoder, is_taught = built(model, size_px, train, policy(train))
    encoder.trainable = not (is_taught and train.stays_frozen)
    if is_taught and train.frozen_epochs:
        keep_statistics(encoder)
    limit_memory(network, train.epochs * steps)
    loss = segmentation_loss(
        train.overlap_weight, train.overlap_channels, overlap=train.overlap, focus=train.focus
    )
    if train.devices > 1:
        synchronise(network)
    trainer = Trainer(network, loss, augmented=augmented, head_weight=train.image_head_weight)
    is_let_go = is_taught and encoder.trainable
    if is_let_go and train.frozen_epochs:
        trainer.freeze_at_first(encoder, train.frozen_epochs)
    compile_for(trainer, train, steps)
    if is_let_go and (train.frozen_epochs or train.encoder_rate != 1):
        adam_of(trainer).set_apart(
            encoder.trainable_variables,
            rate=train.encoder_rate,
            frozen_steps=train.frozen_epochs * steps,
            warmup_steps=warmup_steps(train, steps) if train.frozen_epochs else 0,
        )
    return trainer


def compile_for(trainer: keras.Model, train: "TrainSettings", steps: int) -> None:
    """Give a trainer its optimizer and its precision; ``steps`` are those of an epoch."""
    adam = EncoderAdam(
        learning_rate(train, steps),
        use_ema=train.average > 0,
        ema_momentum=train.average or 0.99,
    )
    scaled = train.precision == "float16"
    trainer.compile(
        optimizer=keras.optimizers.LossScaleOptimizer(adam) if scaled else adam,
        jit_compile="auto" if train.jit_compile == "auto" else train.jit_compile == "on",
    )
    # What a traced step makes itself TensorFlow traces twice: once to make it, once without.
    trainer.optimizer.build(trainer.trainable_variables)


def _check_devices(train: "TrainSettings") -> None:
    """PneumoError when the devices cannot share the work as it is set."""
    if train.batch_size % train.devices:
        raise PneumoError(
            f"train.batch_size {train.batch_size} cannot be shared evenly by train.devices "
            f"{train.devices}; choose a multiple"
        )
    if train.jit_compile == "on" and keras.backend.backend() == "tensorflow":
        raise PneumoError(
            "train.jit_compile on: TensorFlow's XLA does not span several devices; set auto, or "
            "KERAS_BACKEND=jax, or train.devices 1"
        )


def learning_rate(
    train: "TrainSettings", steps: int
) -> "float | keras.optimizers.schedules.LearningRateSchedule":
    """A constant, or a cosine down to 0 after a linear warm-up.

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5, without restarts.
    """
    if train.schedule == "constant":
        return train.learning_rate
    warm = warmup_steps(train, steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warm else train.learning_rate,
        max(1, train.epochs * steps - warm),
        warmup_target=train.learning_rate if warm else None,
        warmup_steps=warm,
    )


def warmup_steps(train: "TrainSettings", steps: int) -> int:
    """Steps in which a step size rises to its full length; a constant one has it at once."""
    return 0 if train.schedule == "constant" else round(train.warmup_epochs * steps)


def fit(
    trainer: keras.Model,
    shown: Batches,
    held_out: Batches,
    train: "TrainSettings",
    watch: Watch,
    checkpoints: Checkpoints,
) -> None:
    """Train until the validation loss stops falling; leave the best epoch's weights.

    Goes on after the last epoch that ``checkpoints`` hold. Raises PneumoError, with a batch size
    that fits, when the device has too little memory.
    """
    done = watch.resume(checkpoints.restore(trainer))
    frozen = trainer.frozen_epochs if isinstance(trainer, Trainer) else 0
    keep = KeepGoing(checkpoints, watch.history, train.patience, after=frozen)
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_begin=shown.begin_epoch), watch, keep]
    if frozen:
        callbacks.insert(0, LetGo(frozen))
    if train.average:
        callbacks.insert(0, JudgeAverages())  # what is kept is what is judged
    if not keep.is_over():
        try:
            trainer.fit(
                fed(shown),
                validation_data=fed(held_out),
                initial_epoch=done,
                epochs=train.epochs,
                shuffle=False,  # the batches shuffle themselves, from seed and epoch
                callbacks=callbacks,
                verbose=0,
            )
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise PneumoError(_too_large(trainer, shown, train.batch_size, train.devices)) from None
    checkpoints.load_best(trainer, watch.history)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether TensorFlow or JAX says so."""
    said = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or any(
        word in said for word in ("ResourceExhausted", "RESOURCE_EXHAUSTED", "OUT_OF_MEMORY")
    )


def _too_large(trainer: keras.Model, shown: Batches, size: int, devices: int) -> str:
    """What to set, after trying halves of a batch."""
    whole, fits = shown[0][0], size // 2 // devices * devices
    while fits:
        images = handed_over(fits, devices)
        try:
            trainer.train_on_batch({name: values[:images] for name, values in whole.items()})
            break
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            fits = fits // 2 // devices * devices
    advice = f"{fits} fits" if fits else f"not even {devices} fits; lower data.size_px"
    return f"{trainer.network.name}: out of memory at train.batch_size {size}; {advice}"


def finished(
    trainer: Trainer, model: str, size_px: int, train: "TrainSettings", plain: Batches
) -> keras.Model:
    """The network to keep: float32, with its statistics and the mirror image if they are wanted.

    ``plain`` are training images as they are. Call it where one device computes.
    """
    network = trainer.network
    if policy(train) != "float32" or train.devices > 1:
        blank = train.model_copy(update={"encoder_weights": "none"})
        network = built(model, size_px, blank, "float32").network
        network.set_weights(trainer.network.get_weights())
        for layer, trained in zip(network.layers, trainer.network.layers, strict=True):
            layer.trainable = trained.trainable
    if train.reestimate_batch_norm:
        reestimate_batch_norm(network, plain)
    return flip_averaged(network) if train.flip_average else network
