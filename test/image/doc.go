// Package image builds the service's container images, and runs one as an orchestrator
// would: with a read-only file system, as a user who isn't root, beside a PostgreSQL that
// asks for TLS. It has only tests, behind the build tag "image". They need root, Linux and
// buildah (apt-get install --no-install-recommends buildah):
//
//	make image-test
package image
