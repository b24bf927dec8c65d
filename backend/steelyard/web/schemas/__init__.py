"""The types of what goes out, for /openapi.json: the supervisor's views build it, tests hold them to this.

Every field is there in every answer, unless a type says otherwise, and there is no other. The same for those
who read answers without msgspec is steelyard/client/answers.py; a test compares the two.
"""
