package main

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// server is an HTTP server in this process.
type server struct {
	name string // For errors.
	url  string
	http *http.Server
	done chan struct{}
	err  error // How it ended. Valid once done is closed.
}

// startServer serves the listener's connections. Stopping the server closes the
// listener.
func startServer(name string, listener net.Listener, handler http.Handler) *server {
	s := &server{
		name: name,
		url:  localURL(listener.Addr()),
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 5 * time.Second,
			WriteTimeout:      10 * time.Second,
			IdleTimeout:       90 * time.Second,
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		s.err = s.http.Serve(listener)
	}()
	return s
}

// wait implements [part].
func (s *server) wait() error {
	<-s.done
	return fmt.Errorf("%s has ended by itself: %w", s.name, s.err)
}

// stop closes the listener and all connections.
func (s *server) stop() error {
	err := s.http.Close()
	<-s.done
	return err
}
