"""Makes the bucket of `s3.bucket` with Object Lock, as the administrator of the store; repeatable.

Custos's own settings say which bucket, and where. The administrator's keys are what AWS's tools take:
AWS_SHARED_CREDENTIALS_FILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Exit status 1: there is a bucket
of that name without Object Lock, which no later setting can give it.
"""

from __future__ import annotations

import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from custos.configuration import load_settings


def main() -> int:
    """Make it; the exit status."""
    s3 = load_settings().s3
    if s3.bucket is None:
        print("`s3.bucket` is not set.", file=sys.stderr)
        return 1
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        region_name=s3.region,
        verify=None if s3.trusted is None else str(s3.trusted),
        config=Config(s3={"addressing_style": "path"}),
    )
    try:
        client.create_bucket(Bucket=s3.bucket, ObjectLockEnabledForBucket=True)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyExists", "BucketAlreadyOwnedByYou"):
            raise
    try:
        client.get_object_lock_configuration(Bucket=s3.bucket)
    except ClientError:
        print(
            f"The bucket {s3.bucket} has no Object Lock, and cannot be given it. Use another.",
            file=sys.stderr,
        )
        return 1
    print(f"The bucket {s3.bucket} is there, with Object Lock.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
