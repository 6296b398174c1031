//go:build scale && linux

package scale

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// failover is a fault of a cluster.
type failover struct {
	name string // Server and node are the primary's.
	// cause makes the fault, and returns what ends it, once a standby has taken over. It is
	// nil where the cluster comes back by itself.
	cause func(*testing.T, *cluster, *node) (end func())
	// keeps says that the primary stays the primary.
	keeps bool
}

// afterwards is for how long a fault goes on after a standby has taken over.
const afterwards = 3 * time.Second

// failovers are the faults, each of which is made several times.
func failovers() []failover {
	return []failover{
		{name: "the server killed", cause: func(t *testing.T, _ *cluster, primary *node) func() {
			primary.killPostmaster(t)
			return nil
		}},
		{name: "a switchover", cause: func(t *testing.T, c *cluster, primary *node) func() {
			if err := c.ask(t.Context(), primary, http.MethodPost, "8008", "/switchover", fmt.Sprintf(`{"leader":%q}`, primary.name), nil); err != nil {
				t.Log("the switchover's answer: ", err) // It may take longer than the client waits.
			}
			return nil
		}},
		{name: "the node dead", cause: func(t *testing.T, _ *cluster, primary *node) func() {
			primary.signal(t, syscall.SIGKILL, "etcd", "patroni", "postgres")
			return func() {
				primary.startEtcd(t)
				primary.startPatroni(t)
			}
		}},
		{name: "the node cut off from all", cause: func(t *testing.T, c *cluster, primary *node) func() {
			return c.network.cut(t, primary.address, "")
		}},
		{name: "etcd's leader killed", keeps: true, cause: func(t *testing.T, c *cluster, _ *node) func() {
			var leader *node
			c.await(t, "etcd has a leader", func() bool {
				for _, n := range c.nodes {
					if isLeader, err := c.leadsEtcd(t, n); err == nil && isLeader {
						leader = n
					}
				}
				return leader != nil
			})
			leader.signal(t, syscall.SIGKILL, "etcd")
			return func() { leader.startEtcd(t) }
		}},
		{name: "the node paused", cause: func(t *testing.T, _ *cluster, primary *node) func() {
			primary.signal(t, syscall.SIGSTOP, "etcd", "patroni", "postgres")
			return func() {
				// Until Patroni goes on too, the former primary says that it is one.
				primary.signal(t, syscall.SIGCONT, "postgres")
				time.Sleep(afterwards)
				primary.signal(t, syscall.SIGCONT, "etcd", "patroni")
			}
		}},
		{name: "the node cut off from the others", cause: func(t *testing.T, c *cluster, primary *node) func() {
			var heal []func()
			for _, n := range c.nodes {
				if n != primary {
					heal = append(heal, c.network.cut(t, primary.address, n.address))
				}
			}
			return func() {
				for _, heal := range heal {
					heal()
				}
			}
		}},
	}
}
