"""A model by its name: trained, evaluated and exported."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("fit")
