worker_processes Integer(ENV.fetch('WORKERS'))
