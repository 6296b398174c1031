package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"example.com/todo-backend/bench/internal/load"
)

// serveNothing answers every call with the same todo until ctx ends: what is
// left is net/http's cost and the load generator's.
func serveNothing(ctx context.Context, addr string) error {
	now := timestamppb.Now()
	todo := &todov1.Todo{Id: todoID(0), Title: load.Title, Description: proto.String(load.Description), CreatedAt: now, UpdatedAt: now}
	binaryTodo, err := proto.Marshal(todo)
	if err != nil {
		return err
	}
	jsonTodo, err := protojson.Marshal(todo)
	if err != nil {
		return err
	}
	enveloped := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(binaryTodo))), binaryTodo...) //nolint:gosec // G115: small.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Protocols: protocols, ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			contentType := r.Header.Get("Content-Type")
			body := jsonTodo
			switch contentType {
			case "application/grpc+proto":
				body = enveloped
				defer w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
			case "application/proto":
				body = binaryTodo
			}
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body) // It fails when the caller is gone.
		}),
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// measureGenerator measures calls that are answered with nothing done, in a
// process of its own.
func measureGenerator(ctx context.Context, o options, progress io.Writer) (_ []generator, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	p, err := launch(ctx, addr, program, []string{"-nothing", addr}, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.waitReady(ctx, "/"); err != nil {
		return nil, err
	}
	// A token of the usual length: its value matters to nobody here.
	s := &subject{
		data: dataset{users: 1, todos: 1000}, tokens: []string{string(bytes.Repeat([]byte("t"), 800))},
		service: p, meter: meter{service: p.cmd.Process.Pid, postmaster: p.cmd.Process.Pid},
	}
	var all []generator
	for _, protocol := range load.Protocols() {
		got, err := s.measureClosed(ctx, combination{scenarios()[0], protocol, usualCallers}, o.window)
		if err != nil {
			return nil, err
		}
		all = append(all, generator{Protocol: protocol, Rate: got.Rate, BenchCPU: got.BenchCPU, HandlerCPU: got.ServiceCPU})
		_, _ = fmt.Fprintf(progress, "nothing done: %s: %.0f/s\n", protocol, got.Rate)
	}
	return all, nil
}
