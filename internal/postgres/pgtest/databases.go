package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	todobackend "example.com/todo-backend"
)

// databases makes databases on one server.
type databases struct {
	once      sync.Once
	openErr   error
	server    *Server // nil when TEST_DATABASE_URL names one.
	serverURL string
	prefix    string // Begins the names of all databases of this process.
	count     atomic.Int64

	// One at a time works on the list of databases: PostgreSQL lets go of a
	// template only after a moment, and each clone flushes what the server
	// holds.
	mu sync.Mutex
}

// open starts the server, or takes the one that is given, and makes the
// template, the first time that it is called.
func (d *databases) open() error {
	d.once.Do(func() {
		// PostgreSQL folds unquoted names to lower case.
		d.prefix = "todo_test_" + strings.ToLower(rand.Text())
		d.openErr = d.start()
	})
	return d.openErr
}

func (d *databases) start() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // May download.
	defer cancel()
	d.serverURL = os.Getenv("TEST_DATABASE_URL")
	if d.serverURL == "" {
		removeLeftovers(ctx)
		server, err := startServer(ctx, map[string]string{"max_connections": "200"})
		if err != nil {
			return err
		}
		d.server, d.serverURL = server, server.Server.URL("postgres")
	} else if u, err := url.Parse(d.serverURL); err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return errors.New("TEST_DATABASE_URL has to be a URL, such as postgres://user:password@127.0.0.1:5432/postgres")
	}
	if err := d.execute(ctx, "CREATE DATABASE "+d.template()+" TEMPLATE template0"); err != nil {
		return err
	}
	return ApplySchema(ctx, d.url(d.template()))
}

// close drops the template and ends the server when it is ours.
func (d *databases) close() error {
	if d.server != nil {
		return d.server.remove()
	}
	if d.serverURL == "" || d.openErr != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	return d.drop(ctx, d.template())
}

// template returns the name of the database that has the schema in it.
func (d *databases) template() string { return d.prefix + "_template" }

// create makes a database and returns its name.
func (d *databases) create(ctx context.Context, withSchema bool) (string, error) {
	name := fmt.Sprintf("%s_%d", d.prefix, d.count.Add(1))
	template := "template0"
	if withSchema {
		template = d.template()
	}
	return name, d.execute(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template)
}

// drop deletes a database, whoever is connected to it.
func (d *databases) drop(ctx context.Context, name string) error {
	return d.execute(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

// execute runs one statement about databases.
func (d *databases) execute(ctx context.Context, sql string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return execute(ctx, d.serverURL, sql)
}

// url returns the URL of a database of the server.
func (d *databases) url(name string) string {
	u, err := url.Parse(d.serverURL)
	if err != nil {
		panic(err) // start has parsed it.
	}
	u.Path = "/" + name
	return u.String()
}

// ApplySchema makes the tables of schema.sql in an empty database.
func ApplySchema(ctx context.Context, databaseURL string) error {
	return execute(ctx, databaseURL, todobackend.Schema)
}

// execute runs SQL without parameters, any number of statements, over a
// connection of its own.
func execute(ctx context.Context, databaseURL, sql string) error {
	connection, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, sql); err != nil {
		statement, _, _ := strings.Cut(sql, "\n")
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
