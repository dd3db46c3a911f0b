"""The workbench: a page in the browser over the jobs, without a build step and without other servers."""
