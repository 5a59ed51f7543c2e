/* SPDX-FileCopyrightText: The dptdepth developers
 * SPDX-License-Identifier: MPL-2.0
 *
 * Prints what dptdepth knows of every frame: the depth in the middle, objects, zones, classes.
 *
 *   cc read_depth.c -o read_depth $(pkg-config --cflags --libs gstreamer-1.0)
 *   ./read_depth "filesrc location=clip.mp4 ! decodebin ! videoconvert ! dptdepth output=meta"
 */
#include <gst/gst.h>

static const GstStructure *
result (GstBuffer *buffer, const char *name)
{
  GstCustomMeta *meta = gst_buffer_get_custom_meta (buffer, name);
  return meta ? gst_custom_meta_get_structure (meta) : NULL;
}

/* The map's value at pixel (x, y) of the frame; FALSE where the map shows nothing. */
static gboolean
depth_at (const GstStructure *depth, int x, int y, float *value)
{
  int width, height, left, top, columns, rows;
  if (!gst_structure_get (depth, "width", G_TYPE_INT, &width, "height", G_TYPE_INT, &height,
          "region-x", G_TYPE_INT, &left, "region-y", G_TYPE_INT, &top, "region-width", G_TYPE_INT,
          &columns, "region-height", G_TYPE_INT, &rows, NULL))
    return FALSE;
  if (x < left || y < top || x >= left + columns || y >= top + rows)
    return FALSE;
  gsize column = (gint64) (x - left) * width / columns;
  gsize row = (gint64) (y - top) * height / rows;
  GstBuffer *data = g_value_get_boxed (gst_structure_get_value (depth, "data"));
  return gst_buffer_extract (data, 4 * (row * width + column), value, 4) == 4;
}

/* The structures inside a field such as "objects", one after the other; NULL behind the last. */
static const GstStructure *
entry (const GstStructure *meta, const char *field, guint index)
{
  const GValue *value = gst_structure_get_value (meta, field);
  if (!value)
    return NULL;
  const GstStructure *all = gst_value_get_structure (value);
  if (index >= (guint) gst_structure_n_fields (all))
    return NULL;
  return gst_value_get_structure (
      gst_structure_get_value (all, gst_structure_nth_field_name (all, index)));
}

static double
number (const GstStructure *fields, const char *name)
{
  double value = 0;
  gst_structure_get_double (fields, name, &value);
  return value;
}

static void
print_rect (const GstStructure *fields)
{
  int x, y, width, height;
  if (gst_structure_get (fields, "x", G_TYPE_INT, &x, "y", G_TYPE_INT, &y, "width", G_TYPE_INT,
          &width, "height", G_TYPE_INT, &height, NULL))
    g_print (" at %d,%d size %dx%d", x, y, width, height);
}

static void
on_frame (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer user_data)
{
  const GstStructure *depth = result (buffer, "GstDptDepthMeta"), *each;
  const GstStructure *classes = result (buffer, "GstDptSegmentationMeta");
  float value;
  int width, height;
  g_print ("frame %.3f\n", (double) GST_BUFFER_PTS (buffer) / GST_SECOND);
  if (depth && gst_structure_get_int (depth, "region-width", &width)
      && gst_structure_get_int (depth, "region-height", &height)
      && depth_at (depth, width / 2, height / 2, &value))
    g_print ("depth %.3f %s, range %.3f to %.3f\n", value,
        gst_structure_get_string (depth, "meaning"), number (depth, "near"), number (depth, "far"));
  for (guint i = 0; depth && (each = entry (depth, "objects", i)); i++) {
    g_print ("object %s", gst_structure_get_string (each, "label"));
    print_rect (each);
    g_print (", median %.3f, nearest %.3f, valid %.2f\n", number (each, "median"),
        number (each, "nearest"), number (each, "valid"));
  }
  for (guint i = 0; depth && (each = entry (depth, "zones", i)); i++) {
    gboolean occupied = FALSE;
    gst_structure_get_boolean (each, "occupied", &occupied);
    g_print ("zone %s %s, share %.3f\n", gst_structure_get_string (each, "name"),
        occupied ? "occupied" : "free", number (each, "share"));
  }
  for (guint i = 0; classes && (each = entry (classes, "coverage", i)); i++) {
    g_print ("class %s", gst_structure_get_string (each, "label"));
    print_rect (each);
    g_print (", share %.3f\n", number (each, "share"));
  }
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  if (argc != 2) {
    g_printerr ("usage: read_depth \"SOURCE ! dptdepth output=meta\"\n");
    return 2;
  }
  char *description = g_strconcat (argv[1], " ! fakesink name=sink signal-handoffs=true", NULL);
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (description, &error);
  g_free (description);
  if (error) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_frame), NULL);
  gst_object_unref (sink);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (
      bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  gboolean failed = GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR;
  if (failed) {
    gst_message_parse_error (message, &error, NULL);
    g_printerr ("%s: %s\n", GST_OBJECT_NAME (GST_MESSAGE_SRC (message)), error->message);
    g_error_free (error);
  }
  gst_message_unref (message);
  gst_object_unref (bus);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  return failed;
}
