"""Deblurring methods: the interface, the runner, and what ships with the toolkit."""

from facedeblur.methods.base import METHODS as METHODS
from facedeblur.methods.base import method as method
from facedeblur.methods.nets.base import network as network
