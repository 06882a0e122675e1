// libheed is made of whole archives; a library needs one source of its own.
