// Command openapi is a protoc plugin that writes the OpenAPI document of the
// contract:
//
//	go run . OVERLAY
//
// It runs protoc-gen-connect-openapi with the given options, and then does two more
// things:
//
//   - It tidies the document (see tidy) by rules for all messages and operations, so
//     that a new one needs no further work.
//   - It applies OVERLAY, a file of the OpenAPI Overlay Specification 1.0.0, with what the
//     contract can't express: authentication, error responses, and the endpoints outside
//     the contract.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/overlay"
	"github.com/sudorandom/protoc-gen-connect-openapi/converter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: openapi OVERLAY, started by buf or protoc")
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

// run answers one request of the compiler.
func run(stdin io.Reader, stdout io.Writer, overlayPath string) error {
	edits, err := os.ReadFile(overlayPath)
	if err != nil {
		return err
	}
	input, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	request := new(pluginpb.CodeGeneratorRequest)
	if err := proto.Unmarshal(input, request); err != nil {
		return fmt.Errorf("read the compiler's request: %w", err)
	}
	response, err := converter.Convert(request)
	if err != nil {
		return err
	}
	for _, file := range response.GetFile() {
		document, err := finish([]byte(file.GetContent()), edits)
		if err != nil {
			return fmt.Errorf("%s: %w", file.GetName(), err)
		}
		file.Content = proto.String(string(document))
	}
	output, err := proto.Marshal(response)
	if err != nil {
		return err
	}
	_, err = stdout.Write(output)
	return err
}

// finish turns the generator's document into the one that is published.
func finish(document, edits []byte) ([]byte, error) {
	document, err := edit(document, tidy)
	if err != nil {
		return nil, err
	}
	document, err = apply(document, edits)
	if err != nil {
		return nil, err
	}
	return edit(document, dropUnused)
}

// apply applies an overlay. It fails when an action has no target, since the target must
// have been renamed or removed.
func apply(document, edits []byte) ([]byte, error) {
	actions, err := libopenapi.NewOverlayDocument(edits)
	if err != nil {
		return nil, fmt.Errorf("read the overlay: %w", err)
	}
	result, err := overlay.Apply(document, actions)
	if err != nil {
		return nil, fmt.Errorf("apply the overlay: %w", err)
	}
	var stale []error
	for _, warning := range result.Warnings {
		stale = append(stale, fmt.Errorf("overlay: %s: %s", warning.Target, warning.Message))
	}
	return result.Bytes, errors.Join(stale...)
}
