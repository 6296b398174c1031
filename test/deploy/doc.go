// Package deploy has the tests of the files in the folder deploy. They need no cluster, no
// container engine and no network: compose files, manifests and units are read by the types
// and programs that will read them in production, and the proxies' files are run by the real
// proxies, before the real service and the real Better Auth.
package deploy
