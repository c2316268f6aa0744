"""Sums over the replicas of a distribution strategy."""

import tensorflow as tf


def replicas() -> int:
    """How many replicas compute this step; 1 outside of a distribution strategy."""
    context = tf.distribute.get_replica_context()
    return context.num_replicas_in_sync if context else 1


def sum_over_replicas(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Each of the tensors in the list, summed over all replicas; as they are where there is one."""
    if replicas() == 1:
        return values
    context = tf.distribute.get_replica_context()
    return [context.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in values]
