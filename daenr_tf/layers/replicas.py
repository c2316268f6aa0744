"""Sums over the replicas of a distribution strategy."""

import tensorflow as tf


def sum_over_replicas(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Each of the tensors in the list, summed over all replicas; as they are where there is one."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return [context.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in values]
