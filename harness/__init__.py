"""Should this HTTP service run as one process or as a cluster, and with how many workers?"""
