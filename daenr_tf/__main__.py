"""`python -m daenr_tf`: the same as `daenr`."""

from daenr_tf.commands.main import main

if __name__ == "__main__":
    main()
