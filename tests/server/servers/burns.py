"""Uses all the CPU that it gets."""

if __name__ == "__main__":
    while True:
        pass
