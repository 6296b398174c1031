// Package load calls the service at a steady rate and holds what it acknowledged against the
// table afterwards. It needs Linux, as what it runs on does.
package load
