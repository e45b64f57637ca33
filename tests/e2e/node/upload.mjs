// Uploads a file with the unmodified tus-js-client and prints the upload's address as JSON.
// Arguments: one JSON object with endpoint, token, file, name, sessions, chunkSize, retryDelays and resume.
import fs from "node:fs";
import * as tus from "tus-js-client";

const job = JSON.parse(process.argv[2]);
const said = { offsets: [] };
const upload = new tus.Upload(fs.createReadStream(job.file), {
  endpoint: job.endpoint,
  headers: { Authorization: `Bearer ${job.token}` },
  metadata: { filename: job.name, filetype: "application/octet-stream" },
  uploadSize: fs.statSync(job.file).size,
  retryDelays: job.retryDelays,
  chunkSize: job.chunkSize ?? Infinity,
  urlStorage: new tus.FileUrlStorage(job.sessions),
  onBeforeRequest(request) {
    if (request.getMethod() === "PATCH") said.offsets.push(Number(request.getHeader("Upload-Offset")));
  },
  onSuccess: () => end({ url: upload.url }),
  onError: (error) => end({ url: upload.url, error: String(error) }),
});

function end(more) {
  process.stdout.write(JSON.stringify({ ...said, ...more }), () => process.exit(0));
}

if (job.resume) {
  const [previous] = await upload.findPreviousUploads();
  upload.resumeFromPreviousUpload(previous);
}
upload.start();
