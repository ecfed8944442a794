/* A tflite external delegate that takes no operator and writes down that it was asked: enough to see that a library is
 * loaded, given its options, applied to the graph and freed. The struct is TfLiteDelegate of TensorFlow Lite 2.14,
 * whose layout later releases keep.
 *
 * Options: `trace` names the file to append to; `refuse` is an error to report instead of making a delegate; `spoil`
 * makes it fail when the graph is prepared.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Delegate {
  void* data;
  int (*prepare)(void* context, struct Delegate* self);
  void* copy_from_buffer;
  void* copy_to_buffer;
  void* free_buffer;
  int64_t flags;
  void* opaque_builder;
} Delegate;

typedef struct {
  const char* trace;
  int spoil;
} Options;

static void note(const Options* options, const char* line) {
  FILE* file = options->trace ? fopen(options->trace, "a") : NULL;
  if (file) {
    fprintf(file, "%s\n", line);
    fclose(file);
  }
}

static int prepare(void* context, Delegate* self) {
  const Options* options = self->data;
  (void)context;
  note(options, "prepared");
  return options->spoil;
}

Delegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count, void (*report_error)(const char*)) {
  Options* options = calloc(1, sizeof(Options));
  for (size_t i = 0; i < count; i++) {
    if (!strcmp(keys[i], "refuse")) {
      report_error(values[i]);
      return NULL;
    }
    if (!strcmp(keys[i], "trace")) options->trace = strdup(values[i]);
    if (!strcmp(keys[i], "spoil")) options->spoil = 1;
  }
  Delegate* delegate = calloc(1, sizeof(Delegate));
  delegate->data = options;
  delegate->prepare = prepare;
  note(options, "created");
  return delegate;
}

void tflite_plugin_destroy_delegate(Delegate* delegate) {
  if (delegate) note(delegate->data, "destroyed");
}
