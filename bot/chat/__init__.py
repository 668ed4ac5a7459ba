"""One message or button press: who sent it, from where, what it asks for, who may read the answer."""
