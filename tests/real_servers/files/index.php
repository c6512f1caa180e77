<!doctype html><title>Page</title><p><?= str_repeat('A page of some length. ', 40) ?>
