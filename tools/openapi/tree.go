package main

import (
	"bytes"
	"iter"
	"slices"

	"go.yaml.in/yaml/v3"
)

// edit changes a YAML document as a tree, from its top mapping, and writes it in one
// style.
func edit(document []byte, change func(root *yaml.Node)) ([]byte, error) {
	var tree yaml.Node
	if err := yaml.Unmarshal(document, &tree); err != nil {
		return nil, err
	}
	change(tree.Content[0])
	plain(&tree)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&tree); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// plain removes the style of a tree: quotes, braces, comments.
func plain(node *yaml.Node) {
	node.Style, node.HeadComment, node.LineComment, node.FootComment = 0, "", "", ""
	for _, child := range node.Content {
		plain(child)
	}
}

// mappings returns every mapping of the tree, outer ones first.
func mappings(node *yaml.Node) iter.Seq[*yaml.Node] {
	return func(yield func(*yaml.Node) bool) { walk(node, yield) }
}

func walk(node *yaml.Node, yield func(*yaml.Node) bool) bool {
	if node.Kind == yaml.MappingNode && !yield(node) {
		return false
	}
	for _, child := range node.Content {
		if !walk(child, yield) {
			return false
		}
	}
	return true
}

// pairs returns the names and values of a mapping; a nil mapping has none. The loop may
// remove the current pair.
func pairs(mapping *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(name, value *yaml.Node) bool) {
		if mapping == nil {
			return
		}
		for pair := range slices.Chunk(slices.Clone(mapping.Content), 2) {
			if !yield(pair[0], pair[1]) {
				return
			}
		}
	}
}

// get returns the node of a tree under a path of names, or nil when a name is missing.
func get(node *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		parent := node
		node = nil
		for key, value := range pairs(parent) {
			if key.Value == name {
				node = value
			}
		}
	}
	return node
}

// set adds a name and its value to a mapping.
func set(mapping *yaml.Node, name string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, scalar(name), value)
}

// remove removes names from a mapping.
func remove(mapping *yaml.Node, names ...string) {
	for i := 0; i < len(mapping.Content); {
		if slices.Contains(names, mapping.Content[i].Value) {
			mapping.Content = slices.Delete(mapping.Content, i, i+2)
		} else {
			i += 2
		}
	}
}

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }
