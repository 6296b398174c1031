// Command protoimport writes the .proto files of others that the contract imports into a
// folder, so that buf finds them without its registry:
//
//	go run . FOLDER
//
// It prints them from the descriptors in Go modules, in the versions that go.mod beside
// this file pins. Git ignores the folder.
package main

import (
	"fmt"
	"os"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: protoimport FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "protoimport:", err)
		os.Exit(1)
	}
}

// run writes the imports of proto/todo and their own imports, except google/protobuf,
// which buf provides.
func run(folder string) error {
	var files []protoreflect.FileDescriptor
	for _, path := range []string{
		"buf/validate/validate.proto",
		"google/api/annotations.proto",
		"google/api/http.proto",
	} {
		file, err := protoregistry.GlobalFiles.FindFileByPath(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		files = append(files, file)
	}
	return new(protoprint.Printer).PrintProtosToFileSystem(files, folder)
}
