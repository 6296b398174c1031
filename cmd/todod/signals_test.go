//go:build linux

package main

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
)

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	t.Parallel()
	for _, signals := range [][]syscall.Signal{
		{syscall.SIGTERM, syscall.SIGTERM},
		{syscall.SIGINT, syscall.SIGINT},
		{syscall.SIGINT, syscall.SIGTERM},
		{syscall.SIGHUP, syscall.SIGTERM},
	} {
		t.Run(fmt.Sprint(signals), func(t *testing.T) {
			t.Parallel()
			_, environment := surroundings(t, map[string]string{"SHUTDOWN_DELAY": "3600"})
			c := startChild(t, environment, nil, "serve")
			c.wait(t, "serving")
			c.signal(t, signals[0])
			c.wait(t, "draining")
			c.signal(t, signals[1])
			if status := c.ended(t); !status.Signaled() || status.Signal() != signals[1] {
				t.Errorf("ended with %v", status)
			}
		})
	}
}

func TestSIGHUPDrainsAndCutsNoDrainShort(t *testing.T) {
	t.Parallel()
	for name, before := range map[string][]syscall.Signal{"alone": nil, "after SIGTERM": {syscall.SIGTERM}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, environment := surroundings(t, map[string]string{"SHUTDOWN_DELAY": "1"})
			c := startChild(t, environment, nil, "serve")
			c.wait(t, "serving")
			c.signal(t, append(before, syscall.SIGHUP)...)
			c.wait(t, "draining")
			c.signal(t, syscall.SIGHUP)
			c.wait(t, "drained")
			if status := c.ended(t); status != 0 {
				t.Errorf("ended with %v", status)
			}
		})
	}
}

func TestASIGHUPThatIsIgnoredStaysIgnored(t *testing.T) {
	t.Parallel()
	_, environment := surroundings(t, nil)
	// As nohup does.
	c := startChild(t, environment, []string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`}, "serve")
	url := fmt.Sprint("http://", c.wait(t, "serving")["addr"])
	c.signal(t, syscall.SIGHUP)
	client := newClient(t)
	for range 20 { // A drain would be noticed soon.
		if status := get(t, client, url+"/readyz"); status != http.StatusOK {
			t.Fatalf("/readyz answers with %d", status)
		}
	}
	c.signal(t, syscall.SIGTERM)
	c.wait(t, "drained")
	if status := c.ended(t); status != 0 {
		t.Errorf("ended with %v", status)
	}
}
