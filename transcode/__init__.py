"""What is made of a recording: probing, metadata, renditions. The only place that starts media tools."""
