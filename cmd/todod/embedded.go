package main

// What a program finds on most machines, but not in an image made from scratch. What the
// machine has is preferred.
import (
	_ "time/tzdata" // The times of the log are in the zone that TZ names.

	_ "golang.org/x/crypto/x509roots/fallback" // Mozilla's roots, for TLS to the database and the issuer.
)
