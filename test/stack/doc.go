// Package stack runs what the tests of whole systems are made of: the service and other
// programs as child processes, an issuer of tokens, and connections to a database. It reads
// the service's log and its use of memory and processor, and looks through every log for
// secrets. It needs Linux.
package stack
