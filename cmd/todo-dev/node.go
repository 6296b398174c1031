package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

const (
	// nodeMajor and nodeMinor are the oldest Node.js that the packages in the
	// web folder run on.
	nodeMajor = 20
	nodeMinor = 19

	nodeTimeout = 20 * time.Second
)

// nodeQuestion makes Node.js print its version and the path of its program. The one in
// PATH may be a version manager's wrapper, which passes no signals on.
const nodeQuestion = "process.versions.node + ' ' + process.execPath"

// errNode says what to install.
var errNode = fmt.Errorf("install Node.js %d.%d or later, with npm, from https://nodejs.org or by your system's package manager", nodeMajor, nodeMinor)

// findNode returns the path of the Node.js program behind the command.
func findNode(ctx context.Context, command string) (string, error) {
	found, err := exec.LookPath(command)
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, errNode)
	}
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	answer, err := exec.CommandContext(ctx, found, "-p", nodeQuestion).Output()
	if err != nil {
		return "", fmt.Errorf("%s does not run: %w: %w", found, err, errNode)
	}
	version, path, _ := strings.Cut(strings.TrimSpace(string(answer)), " ")
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return "", fmt.Errorf("%s says that its version is %q: %w", found, version, errNode)
	}
	if major < nodeMajor || major == nodeMajor && minor < nodeMinor {
		return "", fmt.Errorf("%s is version %s: %w", found, version, errNode)
	}
	if path == "" {
		return "", errors.New(found + " does not say where its program is")
	}
	return path, nil
}
