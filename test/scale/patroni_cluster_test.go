//go:build scale && linux

package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/stack"
)

const (
	nodes = 3
	// clusterPatience bounds what takes Patroni a while: a failover takes its ttl of 20 s and
	// a node that comes back is rewound.
	clusterPatience = 2 * time.Minute
)

// cluster is a database on three nodes, which fails over by itself.
type cluster struct {
	network *network
	nodes   []*node
	url     string // Of the database, with all nodes and the password.
	admin   string // Of the superuser's.
	client  *http.Client
}

// startCluster makes a cluster with the service's schema.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{client: &http.Client{Transport: new(http.Transport), Timeout: stack.Patience}}
	t.Cleanup(c.client.CloseIdleConnections)
	bin := pgtest.QueryText(t, pgtest.Connect(t, pgtest.ServerURL(t)), "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
	folder := stack.FolderFor(t, stack.Unprivileged(t))
	c.network = newNetwork(t)
	addresses, machines := make([]string, nodes), make([]*machine, nodes)
	for i := range nodes {
		machines[i] = c.network.add(t, i+1)
		addresses[i] = machines[i].address
	}
	for i, m := range machines {
		n := newNode(t, m, fmt.Sprint("db", i+1), folder, bin, addresses)
		c.nodes = append(c.nodes, n)
		n.startEtcd(t)
	}
	for _, n := range c.nodes {
		n.startPatroni(t)
	}
	hosts := strings.Join(addresses, ",")
	c.url = "postgres://todo@" + hosts + "/todo?sslmode=disable&target_session_attrs=read-write&connect_timeout=2"
	c.awaitWhole(t, "the cluster is there")
	c.admin = "postgres://" + "postgres:change-me@" + hosts + "/postgres?sslmode=disable&target_session_attrs=read-write"
	admin := stack.Session(t, c.admin)
	stack.Execute(t, admin, "CREATE ROLE todo LOGIN PASSWORD '"+stack.CanaryPassword+"'")
	stack.Execute(t, admin, "CREATE DATABASE todo OWNER todo")
	c.await(t, "the migration", func() bool { // Not before every node knows of the database.
		_, code := stack.Migrate(t, *program, c.url)
		return code == 0
	})
	return c
}

// withPassword is the database's URL for sessions of the test.
func (c *cluster) withPassword(t *testing.T) string {
	t.Helper()
	return stack.WithPassword(t, c.url)
}

// await waits until something is so.
func (c *cluster) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); time.Sleep(50 * time.Millisecond) { // Between two looks.
		if time.Since(began) > clusterPatience {
			for _, n := range c.nodes {
				t.Logf("%s: %s", n.name, eventful(n.logs.Text(0)))
			}
			_, fault := c.look(t)
			t.Fatalf("not within %v: %s: %s", clusterPatience, what, fault)
		}
	}
}

// awaitWhole waits until the cluster lacks nothing, and returns its primary.
func (c *cluster) awaitWhole(t *testing.T, what string) (primary *node) {
	t.Helper()
	c.await(t, what, func() bool {
		var fault string
		primary, fault = c.look(t)
		return fault == ""
	})
	return primary
}

// eventful returns the lines of a node's log that tell of something, the last few hundred.
func eventful(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "INFO: no action.") && !strings.Contains(line, "INFO: Lock owner:") && !strings.HasPrefix(line, "  ") { // Which is pg_controldata's.
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-300):], "")
}

// ask sends a request to a program of a node and decodes the answer, which may be nil.
func (c *cluster) ask(ctx context.Context, n *node, method, port, path, body string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+n.address+":"+port+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	res, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", res.Status, content)
	case answer == nil:
		return nil
	}
	return json.Unmarshal(content, answer)
}

// member is a node as Patroni tells it.
type member struct {
	Name, Role, State string
	Timeline          int
}

// members returns the nodes as Patroni on one of them tells them; nil when it doesn't.
func (c *cluster) members(t *testing.T, n *node) []member {
	t.Helper()
	var answer struct{ Members []member }
	if err := c.ask(t.Context(), n, http.MethodGet, "8008", "/cluster", "", &answer); err != nil {
		return nil
	}
	return answer.Members
}

// look returns the primary and what the cluster lacks: it has to have a primary, a
// synchronous standby and another one, all on one timeline and streaming, and each node has
// to know: one that was cut off tells for a while what was before.
func (c *cluster) look(t *testing.T) (primary *node, fault string) {
	t.Helper()
	members := c.members(t, c.nodes[0])
	for _, n := range c.nodes[1:] {
		if other := c.members(t, n); !slices.Equal(other, members) {
			return nil, fmt.Sprintf("%s: %+v, %s: %+v", c.nodes[0].name, members, n.name, other)
		}
	}
	roles := make(map[string]int)
	for _, m := range members {
		if m.State != "running" && m.State != "streaming" || m.Timeline != members[0].Timeline {
			return nil, fmt.Sprintf("%+v", members)
		}
		roles[m.Role]++
		if m.Role == "leader" {
			primary = c.node(m.Name)
		}
	}
	if primary == nil || roles["leader"] != 1 || roles["sync_standby"] != 1 || len(members) != nodes {
		return nil, fmt.Sprintf("%+v", members)
	}
	if streaming := c.streaming(t, primary); streaming != nodes-1 {
		return nil, fmt.Sprintf("%d standbys stream from the primary of %+v", streaming, members)
	}
	leaders := 0
	for _, n := range c.nodes {
		if isLeader, err := c.leadsEtcd(t, n); err != nil {
			return nil, "etcd: " + err.Error()
		} else if isLeader {
			leaders++
		}
	}
	if leaders != 1 {
		return nil, fmt.Sprintf("etcd has %d leaders", leaders)
	}
	return primary, ""
}

// node returns the node with a name, nil when there is none.
func (c *cluster) node(name string) *node {
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// streaming returns how many standbys a primary streams to. Patroni 3.0 calls those running
// that have lost touch with it.
func (c *cluster) streaming(t *testing.T, primary *node) (n int) {
	t.Helper()
	var answer struct{ Replication []struct{ State string } }
	if err := c.ask(t.Context(), primary, http.MethodGet, "8008", "/patroni", "", &answer); err != nil {
		return 0
	}
	for _, standby := range answer.Replication {
		if standby.State == "streaming" {
			n++
		}
	}
	return n
}

// leadsEtcd reports whether a node's etcd is the leader.
func (c *cluster) leadsEtcd(t *testing.T, n *node) (bool, error) {
	t.Helper()
	var answer struct {
		Header struct {
			MemberID string `json:"member_id"`
		}
		Leader string
	}
	err := c.ask(t.Context(), n, http.MethodPost, "2379", "/v3/maintenance/status", "{}", &answer)
	return err == nil && answer.Leader == answer.Header.MemberID, err
}
