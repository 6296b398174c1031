package main

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// schemaPrefix begins a reference to a schema of the document.
const schemaPrefix = "#/components/schemas/"

// tidy corrects the generator's document, which describes protobuf's JSON, to describe
// the service's stricter JSON.
func tidy(root *yaml.Node) {
	schemas := get(root, "components", "schemas")
	for name := range pairs(schemas) {
		name.Value = lastPart(name.Value)
	}
	names := fieldNames(schemas)
	parts := referenced(schemas)
	for node := range mappings(root) {
		for _, name := range []string{"summary", "description"} {
			if text := get(node, name); text != nil && text.Kind == yaml.ScalarNode {
				text.Value = names.Replace(prose(text.Value))
			}
		}
		if ref := get(node, "$ref"); ref != nil {
			ref.Value = schemaPrefix + lastPart(strings.TrimPrefix(ref.Value, schemaPrefix))
		}
		switch {
		case get(node, "operationId") != nil:
			tidyOperation(node)
			moveBody(node, schemas, parts)
		case get(node, "in") != nil:
			// They repeat what the parameter itself says.
			remove(get(node, "schema"), "title", "description")
		case get(node, "properties") != nil:
			tidyMessage(node)
		case get(node, "oneOf") != nil && get(node, "additionalProperties") != nil:
			tidyOneof(node)
		}
	}
}

// lastPart removes the package from a name. There is only one package, and generated
// clients make type names from these.
func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// prose returns a comment as Markdown. It removes the space after the slashes of each
// line, and makes rules a list. The generator adds a rule as its id, which doesn't help
// readers, and its message.
func prose(comment string) string {
	lines := strings.Split(strings.TrimSpace(comment), "\n")
	for i, line := range lines {
		line = strings.TrimPrefix(line, " ")
		if _, message, isRule := strings.Cut(line, " // "); isRule {
			line = "- " + message
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// fieldNames replaces the protobuf names of fields in comments by their JSON names. The
// generator keeps the protobuf names as titles.
func fieldNames(schemas *yaml.Node) *strings.Replacer {
	var oldnew []string
	for _, schema := range pairs(schemas) {
		for name, field := range pairs(get(schema, "properties")) {
			oldnew = append(oldnew, "`"+get(field, "title").Value+"`", "`"+name.Value+"`")
		}
	}
	return strings.NewReplacer(oldnew...)
}

// tidyOperation makes the first sentence of an operation's comment its
// summary, and what follows its description.
func tidyOperation(operation *yaml.Node) {
	id, summary, description := get(operation, "operationId"), get(operation, "summary"), get(operation, "description")
	id.Value = lastPart(id.Value)
	if description == nil {
		return // There is no comment.
	}
	comment := description.Value
	if summary.Value != id.Value { // The stopgap for a comment of one paragraph.
		comment = summary.Value + "\n\n" + comment
	}
	summary.Value, description.Value = cutSentence(comment)
	if description.Value == "" {
		remove(operation, "description")
	}
}

// cutSentence returns the first sentence of a text, on one line and without
// its full stop, and the rest.
func cutSentence(text string) (sentence, rest string) {
	end := len(text)
	for _, stop := range []string{". ", ".\n"} {
		if i := strings.Index(text, stop); i >= 0 {
			end = min(end, i)
		}
	}
	sentence = strings.TrimSuffix(text[:end], ".")
	return strings.ReplaceAll(sentence, "\n", " "), strings.TrimSpace(strings.TrimPrefix(text[end:], "."))
}

// referenced returns the names of the schemas that other schemas refer to.
func referenced(schemas *yaml.Node) map[string]bool {
	names := make(map[string]bool)
	for node := range mappings(schemas) {
		if ref := get(node, "$ref"); ref != nil {
			names[lastPart(ref.Value)] = true
		}
	}
	return names
}

// moveBody moves an inline body to the schema of its message. The generator writes a body
// inline when some fields of its message are in the path. As a schema it has a name, which
// generated clients use for its type. A message that is also a part of another one has all of
// its fields there, so its body gets a schema of its own.
func moveBody(operation, schemas *yaml.Node, parts map[string]bool) {
	body := get(operation, "requestBody", "content", "application/json", "schema")
	title := get(body, "title")
	if title == nil {
		return
	}
	name, moved := title.Value, *body
	if parts[name] {
		name = strings.TrimSuffix(name, "Request") + "Body"
		set(schemas, name, &moved)
	} else {
		*get(schemas, name) = moved
	}
	*body = yaml.Node{Kind: yaml.MappingNode}
	set(body, "$ref", scalar(schemaPrefix+name))
}

// tidyOneof corrects a message whose fields are those of a oneof. The generator writes them as
// alternatives. The fields of alternatives are additional ones, which it forbids.
func tidyOneof(message *yaml.Node) {
	remove(message, "title", "additionalProperties")
	set(message, "unevaluatedProperties", scalar("false"))
}

// tidyMessage corrects the fields of a message. The contract's rules say which ones a
// request must have. A response has all but the optional ones.
func tidyMessage(message *yaml.Node) {
	required := &yaml.Node{Kind: yaml.SequenceNode}
	for name, field := range pairs(get(message, "properties")) {
		// The name in protobuf, which REST callers never see.
		remove(field, "title")
		if optional := removeNull(field); !optional {
			required.Content = append(required.Content, scalar(name.Value))
		}
	}
	title := get(message, "title").Value
	remove(message, "title") // The schema's name says it.
	if !strings.HasSuffix(title, "Request") {
		// Responses may get more fields later; requests are parsed strictly.
		remove(message, "required", "additionalProperties")
		set(message, "required", required)
	}
}

// removeNull removes null from a field's types, and reports whether it was there. The
// generator writes it for optional fields. The service neither writes nor accepts null: an
// optional field is absent.
func removeNull(field *yaml.Node) bool {
	if kinds := get(field, "type"); kinds != nil && kinds.Kind == yaml.SequenceNode {
		i := slices.IndexFunc(kinds.Content, func(kind *yaml.Node) bool { return kind.Value == "null" })
		if i >= 0 {
			*kinds = *scalar(kinds.Content[0].Value)
			return true
		}
	}
	if choices := get(field, "oneOf"); choices != nil {
		ref := get(choices.Content[0], "$ref")
		remove(field, "oneOf")
		set(field, "$ref", ref)
		return true
	}
	return false
}

// dropUnused removes schemas without a reference: those of requests whose fields are all
// parameters.
func dropUnused(root *yaml.Node) {
	schemas := get(root, "components", "schemas")
	for dropped := true; dropped; {
		used := map[string]bool{}
		for node := range mappings(root) {
			if ref := get(node, "$ref"); ref != nil {
				used[ref.Value] = true
			}
		}
		dropped = false
		for name := range pairs(schemas) {
			if !used[schemaPrefix+name.Value] {
				remove(schemas, name.Value)
				dropped = true
			}
		}
	}
}
