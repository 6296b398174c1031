// Command protoimport writes the .proto files that the contract imports from
// others into a folder, so that buf finds them without its registry:
//
//	go run . FOLDER
//
// They are printed from the descriptors that Go modules carry, in the versions
// that go.mod beside this file pins. The folder is ignored by git.
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

// run writes the imports of proto/todo, and what these import themselves, but
// for google/protobuf: buf brings that.
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
