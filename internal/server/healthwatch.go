package server

import "connectrpc.com/grpchealth"

// statusServiceUnknown is what the protocol demands for a watch of an unknown
// service. grpchealth has no name for it.
const statusServiceUnknown grpchealth.Status = 3

// healthWatch is an open Health/Watch.
type healthWatch struct {
	again func()            // Makes grpchealth call Check again.
	told  bool              // The caller was sent a status.
	last  grpchealth.Status // The latest that was sent.
}

// tell reports whether the caller is sent a status. Once streams have to end, only
// a change is sent, and the next Check ends the watch.
func (w *healthWatch) tell(status grpchealth.Status, ended bool) bool {
	if ended {
		if w.told && w.last == status {
			return false
		}
		w.again()
	}
	w.told, w.last = true, status
	return true
}
