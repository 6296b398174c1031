package main

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// generated is a document as the generator writes it, of what this plugin
// changes in one.
const generated = `openapi: 3.1.0
paths:
  /api/things/{id}:
    patch:
      summary: |-
        Changes a thing. It is the first
         sentence that counts.
      description: Fails when there is none.
      operationId: thing.v1.ThingService.UpdateThing
      parameters:
        - name: id
          in: path
          description: The thing.
          schema:
            type: string
            title: id
            description: The thing.
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                display_name:
                  type: [string, "null"]
                  title: display_name
              title: UpdateThingRequest
              additionalProperties: false
      responses:
        "200":
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/thing.v1.Thing'
  /api/things/{id}:move:
    post:
      summary: MoveThing
      operationId: thing.v1.ThingService.MoveThing
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                place:
                  type: string
                  title: place
              title: MoveThingRequest
              additionalProperties: false
      responses:
        "200":
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/thing.v1.Operation'
components:
  schemas:
    thing.v1.Operation:
      type: object
      oneOf:
        - properties:
            move:
              title: move
              $ref: '#/components/schemas/thing.v1.MoveThingRequest'
          title: move
          required: [move]
        - properties:
            rename:
              title: rename
              type: string
          title: rename
          required: [rename]
      title: Operation
      additionalProperties: false
    thing.v1.MoveThingRequest:
      type: object
      properties:
        id:
          type: string
          title: id
        place:
          type: string
          title: place
      title: MoveThingRequest
      additionalProperties: false
    thing.v1.GetThingRequest:
      type: object
      properties:
        id:
          $ref: '#/components/schemas/thing.v1.ID'
          title: id
      title: GetThingRequest
    thing.v1.ID:
      type: string
    thing.v1.UpdateThingRequest:
      type: object
      properties:
        id:
          type: string
          title: id
      title: UpdateThingRequest
    thing.v1.Thing:
      type: object
      properties:
        displayName:
          type: string
          title: display_name
          description: |
            What it is called; see ` + "`display_name`" + `,
             and so on.
            name.not_blank // must not be blank
        note:
          type: [string, "null"]
          title: note
        parent:
          title: parent
          oneOf:
            - $ref: '#/components/schemas/thing.v1.Thing'
            - type: "null"
      title: Thing
      additionalProperties: false
`

// finished is what becomes of it.
const finished = `openapi: 3.1.0
paths:
  /api/things/{id}:
    patch:
      summary: Changes a thing
      description: |-
        It is the first
        sentence that counts.

        Fails when there is none.
      operationId: UpdateThing
      parameters:
        - name: id
          in: path
          description: The thing.
          schema:
            type: string
      requestBody:
        content:
          application/json:
            schema:
              $ref: '#/components/schemas/UpdateThingRequest'
      responses:
        "200":
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Thing'
  /api/things/{id}:move:
    post:
      summary: MoveThing
      operationId: MoveThing
      requestBody:
        content:
          application/json:
            schema:
              $ref: '#/components/schemas/MoveThingBody'
      responses:
        "200":
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Operation'
components:
  schemas:
    Operation:
      type: object
      oneOf:
        - properties:
            move:
              $ref: '#/components/schemas/MoveThingRequest'
          required:
            - move
        - properties:
            rename:
              type: string
          required:
            - rename
      unevaluatedProperties: false
    MoveThingRequest:
      type: object
      properties:
        id:
          type: string
        place:
          type: string
      additionalProperties: false
    UpdateThingRequest:
      type: object
      properties:
        display_name:
          type: string
      additionalProperties: false
    Thing:
      type: object
      properties:
        displayName:
          type: string
          description: |-
            What it is called; see ` + "`displayName`" + `,
            and so on.
            - must not be blank
        note:
          type: string
        parent:
          $ref: '#/components/schemas/Thing'
      required:
        - displayName
    MoveThingBody:
      type: object
      properties:
        place:
          type: string
      additionalProperties: false
info:
  title: Things
`

const edits = `overlay: 1.0.0
info: {title: Edits, version: v1}
actions:
  - target: $
    update:
      info: {title: Things} # A comment of the overlay's own.
`

func TestFinishTidiesAndAppliesTheOverlay(t *testing.T) {
	t.Parallel()
	got, err := finish([]byte(generated), []byte(edits))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != finished {
		t.Errorf("finish returned:\n%s\nwant:\n%s", got, finished)
	}
}

func TestFinishRefusesAnActionWithoutTarget(t *testing.T) {
	t.Parallel()
	stale := edits + "  - target: $.paths['/api/gone']\n    remove: true\n"
	_, err := finish([]byte(generated), []byte(stale))
	if err == nil || !strings.Contains(err.Error(), "$.paths['/api/gone']") {
		t.Errorf("got error %v, want one that names the target", err)
	}
}

// The published document's own tests are those of the service, which hold it
// against live answers. Here it is only made sure that it hangs together.
func TestReferencesOfThePublishedDocumentResolve(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../gen/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(document, &root); err != nil {
		t.Fatal(err)
	}
	references := 0
	for node := range mappings(&root) {
		ref := get(node, "$ref")
		if ref == nil {
			continue
		}
		references++
		path, _ := strings.CutPrefix(ref.Value, "#/")
		if get(root.Content[0], strings.Split(path, "/")...) == nil {
			t.Errorf("line %d: nothing is at %s", ref.Line, ref.Value)
		}
	}
	if references == 0 {
		t.Error("the document has no references: the test looks in the wrong place")
	}
}
