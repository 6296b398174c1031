package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"example.com/todo-backend/internal/auth/authtest"
)

// webFolder is the folder of -web: Better Auth's program and the built page, with their
// packages installed.
type webFolder struct {
	node       string // The Node.js to run Better Auth with.
	betterAuth string // Better Auth's program.
	page       string // The folder of the built page.
}

// openWebFolder checks that everything is there before anything starts.
func openWebFolder(ctx context.Context, dir string) (*webFolder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	w := &webFolder{
		betterAuth: filepath.Join(dir, "auth", "main.mjs"),
		page:       filepath.Join(dir, "app", "dist"),
	}
	if err := need(w.betterAuth, "name the repository's folder web with -web"); err != nil {
		return nil, err
	}
	if w.node, err = findNode(ctx, "node"); err != nil {
		return nil, err
	}
	return w, errors.Join(
		need(filepath.Join(dir, "node_modules", "better-auth"),
			"install the packages: npm ci --prefix "+quote(dir)+" (make run-web does it)"),
		need(filepath.Join(w.page, "index.html"),
			"build the page: npm run build --prefix "+quote(dir)+" -w app (make run-web does it)"),
	)
}

// need returns an error that says what to do when there is no such file.
func need(path, cure string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("the web folder: %w: %s", err, cure)
	}
	return nil
}

// startWeb brings up Better Auth, the service and the page, and prints the
// banner.
func (s *stack) startWeb(ctx context.Context, web *webFolder, program *todod, db *database) (err error) {
	// The others have to know the page's origin, so it gets its port first. It
	// needs theirs, so it is served last.
	listener, err := listen(ctx, s.pagePort)
	if err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	defer func() {
		if err != nil {
			_ = listener.Close()
		}
	}()
	origins := s.origins(localURL(listener.Addr()))
	secret, err := keptSecret(filepath.Join(db.dir, "better-auth.secret"))
	if err != nil {
		return fmt.Errorf("the secret of Better Auth: %w", err)
	}
	issuer, err := (&betterAuth{
		node:        web.node,
		program:     web.betterAuth,
		dir:         program.dir,
		databaseURL: program.databaseURL,
		secret:      secret,
	}).serve(ctx, s.issuerPort, origins)
	if err != nil {
		return err
	}
	s.add(issuer)
	service, err := program.serve(ctx, s.port, issuer.url, origins)
	if err != nil {
		return err
	}
	s.add(service)
	handler, err := newPage(os.DirFS(web.page), pageConfig{APIURL: service.url, AuthURL: issuer.url})
	if err != nil {
		return err
	}
	developer, err := newDeveloper(issuer.url, secret)
	if err != nil {
		return err
	}
	token, err := developer.token(ctx)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, issuer.output.tail())
	}
	tokenURL := localURL(listener.Addr()) + tokenPath
	routes := http.NewServeMux()
	routes.Handle("GET "+docsPath, (&docs{
		service: service.url,
		issuer:  issuer.url,
		token:   issuer.url + authtest.TokenPath,
		note:    webNote(localURL(listener.Addr()), tokenURL),
	}).handler())
	routes.HandleFunc("GET "+tokenPath, developer.serveToken)
	routes.Handle("/", handler)
	page := startServer("the page", listener, routes)
	s.add(page)
	return s.announce(ctx, &banner{
		page:     page.url,
		service:  service.url,
		docs:     page.url + docsPath,
		issuer:   issuer.url,
		token:    tokenURL,
		tokens:   "the token is " + developerEmail + "'s",
		database: databaseCommand(program.databaseURL),
		data:     db.dir,
	}, token, service.output, issuer.output)
}
