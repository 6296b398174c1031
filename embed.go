// Package todobackend embeds the repository's files that the binary needs: the database
// schema and the API's description.
package todobackend

import _ "embed"

// Schema is schema.sql, the wanted database schema.
//
//go:embed schema.sql
var Schema string

// OpenAPI is gen/openapi.yaml, the OpenAPI 3.1 document of the REST interface.
//
//go:embed gen/openapi.yaml
var OpenAPI []byte
