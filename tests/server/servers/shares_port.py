"""One process that lets others listen on its port."""

from tests.server.servers.serving import listen, options, serve

if __name__ == "__main__":
    serve(listen(options().port, share=True))
