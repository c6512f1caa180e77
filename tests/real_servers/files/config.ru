page = '<!doctype html><title>Page</title><p>' + 'A page of some length. ' * 40
run ->(_env) { [200, { 'content-type' => 'text/html; charset=utf-8', 'content-length' => page.bytesize.to_s }, [page]] }
